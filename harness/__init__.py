"""finetune-harness: did fine-tuning help, and how many epochs next?"""
