"""Fine-tuning: LoRA adapters, each trained in its own process.

    hyperparameters.py    the hyperparameters that a request may set, and their defaults
    training_files.py     the files that a request names: uploads, URLs and paths
    safe_fetch.py         fetches a file from a URL
    dataset.py            the rows of a file: a prompt and a response each, checked
    context_check.py      checks that rows fit into the model's context
    training_folder.py    what the training process reads: settings and rows, in the job's folder
    training_protocol.py  the messages of the training process, as lines of JSON
    schedule.py           the learning rate of each step
    examples.py           rows as tokens, in batches
    trainer.py            the training itself, with torch, transformers and peft
    model_card.py         the README of a fine-tuned model
    __main__.py           the training process
    process.py            the engine's end of that process
    fine_tuner.py         the queue of jobs: starts, publishes, cancels, resumes

Only `examples.py` and `trainer.py` import torch, and only the training process imports them.
"""
