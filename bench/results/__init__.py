"""What trials produced, on disk: the truth that MLflow and reports are views of. No torch, Ray or MLflow."""
