"""Scoring of trained models: AUROC on the test split, point localization on the boxed images."""
