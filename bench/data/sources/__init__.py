"""Data sets as their downloads have them: tables, names, boxes and where the images are.

source         what is known of a data set before an image is decoded?
nih, vindr, folder   how is each read?
annotations    how is another annotation of the images read, in any format?
tables         how are tables of labels, patients and boxes read?
splits         how are images parted into train, val and test?
image_files    where are the files, and what is there in place of missing ones?
"""
