"""Image files as 8-bit gray arrays: read, decoded, cached, and fed to a device.

decoding       how is a file decoded, on all cores?
raster         what is a PNG or JPEG in gray?
dicom          what is a radiograph in a DICOM in gray?
dicom_header   which DICOMs are read, and which are inverted?
cache          where are decoded images kept, and how does a killed build go on?
likeness       are two images one radiograph?
pixel_store    where do the pixels lie while a network is trained?
"""
