"""The recordings that no row plays, by reason. An entry that a row plays after all, or that names no recording, fails a test."""

from __future__ import annotations

UNPLAYED = {
    "a client always sends credentials of a kind that the gateway reads": [
        "auth/001-auth-none",
        "auth/005-auth-x-api-key-only",
    ],
    "a client always sends a whole, well-formed body, and names the model": [
        "completions/023-sync-422-missing-model-param",
        "completions/025-sync-422-missing-fields",
        "completions/027-sync-422-not-json",
        "completions/028-sync-422-empty-body",
        "chat/080-chat-422-no-messages",
        "models/115-models-create-422",
        "models/124-models-download-422",
        "fine_tunes/154-ft-create-422",
        "batch_completions/175-batch1-422-no-output",
        "batch_completions/176-batch1-422-model_cfg-name",
        "batch_completions/183-batch2-create-422",
        "batch_completions/187-batch2-update-422-no-job_id",
    ],
    "no method of a client sends this": [
        "completions/043-sync-405",
        "gateway/044-404-no-route",
        "models/045-307-trailing-slash",
        "batch_completions/189-batch2-list-405",
    ],
    "health is for load balancers, not for clients": [
        "gateway/195-health-readyz",
        "gateway/196-health-healthz",
    ],
    "hyperparameters are always sent, as an object": [
        "fine_tunes/143-ft-create-422-hyperparameters-null",
        "fine_tunes/144-ft-create-422-hyperparameters-missing",
    ],
    "labels go where the route reads them, not only into model_config": [
        "batch_completions/179-batch2-create-ok-completions",
        "batch_completions/180-batch2-create-ok-v1-content",
        "batch_completions/181-batch2-create-ok-data-parallel",
    ],
    "cancelling sends no body, as 191": ["batch_completions/190-batch2-cancel"],
    "a file travels as the form's `file`": [
        "files/132-files-upload-422-wrong-field",
        "files/134-files-upload-422-json",
    ],
    "vLLM endpoints are created as streaming": ["models/109-models-create-400-default-sync-type"],
    "what is not given is not sent, not even as null": ["models/114-models-create-500-no-checkpoint"],
    "an update always says whether the endpoint stays public": [
        "models/117-models-update-ok",
        "models/119-models-update-404",
        "models/120-models-update-403-as-404-public",
        "models/121-models-update-reserved-metadata",
    ],
}
