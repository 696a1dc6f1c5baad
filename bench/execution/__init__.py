"""Execution: runs the trials that are left, in process or on a Ray cluster.

context          where trials run: paths and device
driver           which trials are left; writes records, and tells observers such as displays
exposure         whether rows have seen their test images before
executor         the interface of executors, and whether trials run on GPUs
usable_gpus      whether torch can use the GPUs that are there
serial, ray/     the executors: one trial after the other in this process, or many on a cluster
ready_queue      which trial can start next
trial            one trial, from specification to outcome
prepare          its data and model; the model of a finished trial
sensitivities    how much each choice of the protocol moves a trial, measured beside the others
stopping         Ctrl-C, and errors that end a run
progress         how far a running trial is, and how long it still takes
progress_table   that, as a table or line
live, event_log  shows a run to people, and to programs
status           which trials of a results folder run, and which ended last
replay           a finished trial's first steps, trained again and compared
"""
