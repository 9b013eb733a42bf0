"""finetune-harness: did fine-tuning help, and how many epochs next?"""

__version__ = "0.1.0"
