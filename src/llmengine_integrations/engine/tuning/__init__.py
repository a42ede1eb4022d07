"""Fine-tuning: LoRA adapters, each trained in its own process.

    hyperparameters.py  what a request may ask of a training, and the defaults
    dataset.py          training files: rows of a prompt and a response, checked
    job.py              what a training is told, as a file in the job's folder
    messages.py         what a training says, as lines of JSON
    schedule.py         the learning rate from step to step
    examples.py         rows as tokens, in batches
    trainer.py          the training itself: torch, transformers and peft
    __main__.py         the process that runs it
    process.py          the engine's end of that process
    fine_tuner.py       the queue of jobs: starts, publishes, cancels, resumes

Only `examples.py` and `trainer.py` import torch, and only the training process imports them.
"""
