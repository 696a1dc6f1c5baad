"""Verbs for models and images.

Which file answers which question:
list      which models, maps, data sets and suites are there, and which keys has a suite?
conformance   does one of your own do what bench needs?
suites    which suites can be named, and where are they?
models    how large is each model, and what can be chosen?
cams      which maps can be named, and what does a unit cost?
predict   what does a trained model see in an image?
data      which verbs are there for a data set?
check     is it complete and consistent?
stats     how many images, findings and boxes has it?
readers   do its radiologists agree?
show      what do its images look like?
prepare   how are its images decoded in advance?
"""
