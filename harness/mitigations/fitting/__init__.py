"""What the methods of `python -m harness.mitigate` share: their protocol, texts and training."""
