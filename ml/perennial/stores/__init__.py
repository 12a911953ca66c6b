"""What the stages know of the outside world: databases, the model registry, mail and files."""
