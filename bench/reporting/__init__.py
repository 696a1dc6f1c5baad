"""Reports: tables computed from the results folder alone. No torch, Ray or MLflow."""
