"""Evaluation: a trained model's scores, and those of its maps.

score            one pass over a test split: the model's metrics and its native map's
cam              maps other than the native one
library_cams     those of pytorch-grad-cam; channel_cams, full_grad: those that it has for other models
captum_maps      attribution to pixels by captum
conformance      the checks that every CAM method passes
sanity           checks of whether a map shows what the model does; randomised: models to check against
held_maps        localizes the maps of a pass, many at a time
kept_maxima      local maxima of the maps of all images of a pass
localize         where maps peak, and how each metric scores a unit
enlarge          bilinear enlarging and sigmoid, the same on every machine
map_storage      which bytes of a map a trial keeps
rescore          stored maps by any protocol and boxes
second_reading   another annotation of the images beside the own boxes
reference_maps   maps that were made elsewhere
predict          images without labels
"""
