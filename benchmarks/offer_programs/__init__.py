"""The parts of the offer program's benchmark."""
