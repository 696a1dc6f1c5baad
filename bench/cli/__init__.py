"""The command line: a verb parses its arguments, calls the packages below, and renders what they return.

Which file answers which question:
main        which verbs are there, and what becomes of an error?
arguments   what do the arguments mean that several verbs share?
render      how are tables, sheets of facts, sentences and JSON printed?
streams     what is printed where a terminal's encoding lacks a character?
run/        init, plan, run, status, probe, replay: verbs that train, or say what is left to train
read/       report, verify, compare, show, rescore, reference: verbs that read finished trials
data/       list, predict, data: verbs for models and images
mlflow/     ui, mlflow-sync: verbs for MLflow
"""
