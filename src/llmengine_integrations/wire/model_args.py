"""The arguments of the model servers. An endpoint's body has them at its top level, next to its own fields.

The model server defines them: their meaning and their limits depend on its version, which is the endpoint's image tag.
vLLM: https://docs.vllm.ai/en/latest/configuration/engine_args/; SGLang: https://docs.sglang.ai/backend/server_arguments.html.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class CommonModelArgs(TypedDict, total=False):
    """What vLLM and SGLang both take."""

    trust_remote_code: bool | None
    """Whether to run code that comes with the checkpoint; False by default."""
    quantization: str | None
    """How the weights are quantized ("awq", "gptq", ...); read from the checkpoint by default."""
    chat_template: str | None
    """A Jinja template, or a path to one, instead of the tokenizer's own."""
    tool_call_parser: str | None
    """The name of the parser that reads the model's tool calls."""
    load_format: str | None
    """The format of the weights ("auto", "safetensors", "pt", ...)."""
    dtype: str | None
    """The type of weights and activations ("auto", "bfloat16", ...)."""
    revision: str | None
    """A branch, tag or commit of the model's repository."""
    quantization_param_path: str | None
    """A JSON file with the scales of an FP8 cache."""
    skip_tokenizer_init: bool | None
    """Whether to take token ids only and load no tokenizer."""
    served_model_name: str | None
    """The name by which the model server knows the model."""


class VLLMModelArgs(CommonModelArgs, total=False):
    """What vLLM takes, for endpoints and for batches."""

    max_model_len: int | None
    """Tokens of prompt and output together at most; the model's own length by default."""
    max_num_seqs: int | None
    """Sequences in one step at most."""
    enforce_eager: bool | None
    """Whether to do without CUDA graphs."""
    pipeline_parallel_size: int | None
    tensor_parallel_size: int | None
    disable_log_requests: bool | None
    enable_auto_tool_choice: bool | None
    """Whether the model may call tools on its own; needs `tool_call_parser`."""
    config_format: str | None
    tokenizer_mode: str | None
    limit_mm_per_prompt: str | None
    """Images, videos and the like in one prompt at most, as "image=2,video=1"."""
    max_num_batched_tokens: int | None
    """Tokens in one step at most."""
    tokenizer: str | None
    """Another tokenizer than the checkpoint's."""
    seed: int | None
    code_revision: str | None
    rope_scaling: dict[str, Any] | None
    tokenizer_revision: str | None
    max_seq_len_to_capture: int | None
    """Tokens up to which a sequence runs in a CUDA graph."""
    disable_sliding_window: bool | None
    override_neuron_config: dict[str, Any] | None
    mm_processor_kwargs: dict[str, Any] | None
    block_size: int | None
    """Tokens in one block of the cache."""
    gpu_memory_utilization: float | None
    """The part of each GPU's memory to use, 0 to 1."""
    swap_space: float | None
    """GiB of main memory for each GPU's cache."""
    cache_dtype: str | None
    num_gpu_blocks_override: int | None
    enable_prefix_caching: bool | None


class VLLMArgs(VLLMModelArgs, total=False):
    """What vLLM endpoints take."""

    max_gpu_memory_utilization: float | None
    """The gateway's older name of `gpu_memory_utilization`."""
    attention_backend: str | None


class SGLangArgs(CommonModelArgs, total=False):
    """What SGLang endpoints take."""

    # The model
    huggingface_repo: str | None
    """The repository on the Hugging Face hub to serve."""
    context_length: int | None
    """Tokens of prompt and output together at most; the model's own length by default."""
    device: str | None
    is_embedding: bool | None
    json_model_override_args: str | None
    """A JSON object that overrides the model's own configuration."""
    lora_paths: list[str] | None
    max_loras_per_batch: int | None
    download_dir: str | None
    delete_ckpt_after_loading: bool | None
    kv_cache_dtype: str | None
    torchao_config: str | None
    random_seed: int | None

    # Memory and scheduling
    mem_fraction_static: float | None
    """The part of each GPU's memory for weights and cache, 0 to 1."""
    max_running_requests: int | None
    max_total_tokens: int | None
    """Tokens in the cache at most."""
    chunked_prefill_size: int | None
    """Tokens in one chunk of a prefill at most; -1 for no chunks."""
    max_prefill_tokens: int | None
    schedule_policy: str | None
    schedule_conservativeness: float | None
    cpu_offload_gb: int | None
    """GB of weights to keep in main memory."""
    prefill_only_one_req: bool | None
    stream_interval: int | None
    """Tokens between two events of a stream."""
    num_continuous_decode_steps: int | None
    enable_mixed_chunk: bool | None
    enable_memory_saver: bool | None
    allow_auto_truncate: bool | None
    """Whether to cut prompts that are too long, instead of refusing them."""
    watchdog_timeout: float | None
    """Seconds after which a batch that hangs ends the server."""

    # Several GPUs and nodes
    tp_size: int | None
    """GPUs that share each layer."""
    data_parallel_size: int | None
    expert_parallel_size: int | None
    load_balance_method: str | None
    dist_init_addr: str | None
    nnodes: int | None
    node_rank: int | None
    base_gpu_id: int | None
    enable_dp_attention: bool | None
    enable_ep_moe: bool | None
    enable_p2p_check: bool | None

    # Kernels
    attention_backend: str | None
    sampling_backend: str | None
    grammar_backend: str | None
    constrained_json_whitespace_pattern: str | None
    """A regular expression for the white space of guided JSON."""
    enable_custom_logit_processor: bool | None
    disable_radix_cache: bool | None
    disable_jump_forward: bool | None
    disable_cuda_graph: bool | None
    disable_cuda_graph_padding: bool | None
    cuda_graph_max_bs: int | None
    cuda_graph_bs: list[int] | None
    disable_outlines_disk_cache: bool | None
    disable_custom_all_reduce: bool | None
    disable_mla: bool | None
    disable_overlap_schedule: bool | None
    enable_torch_compile: bool | None
    torch_compile_max_bs: int | None
    enable_nan_detection: bool | None
    triton_attention_reduce_in_fp32: bool | None
    triton_attention_num_kv_splits: int | None

    # Speculative decoding
    speculative_algorithm: str | None
    speculative_draft_model_path: str | None
    speculative_num_steps: int | None
    speculative_num_draft_tokens: int | None
    speculative_eagle_topk: int | None

    # Double sparsity
    enable_double_sparsity: bool | None
    ds_channel_config_path: str | None
    ds_heavy_channel_num: int | None
    ds_heavy_token_num: int | None
    ds_heavy_channel_type: str | None
    ds_sparse_decode_threshold: int | None

    # The server itself
    api_key: str | None
    """The key that the model server asks of the gateway; not the gateway's own."""
    log_level: str | None
    log_level_http: str | None
    log_requests: bool | None
    show_time_cost: bool | None
    enable_metrics: bool | None
    decode_log_interval: int | None
    file_storage_pth: str | None
    enable_cache_report: bool | None
