"""Names of findings, in the order of their sources.

Source: Wang et al. 2017 (ChestX-ray14); Nguyen et al. 2022 (VinDr-CXR); thesis §5.1 and §5.5;
Lian et al. 2021 (ChestX-Det); Irvin et al. 2019 (CheXpert); Saporta et al. 2022 (CheXlocalize);
Liu et al. 2020 (TBX11K).
"""

NIH_FINDINGS: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
"""The 14 labels of ChestX-ray14."""

NIH_BOXED_FINDINGS: tuple[str, ...] = NIH_FINDINGS[:8]
"""The eight labels that have boxes."""

VINDR_FINDINGS: tuple[str, ...] = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "No finding",
)
"""The 15 labels of VinDr-CXR."""

VINDR_BOXED_FINDINGS: tuple[str, ...] = VINDR_FINDINGS[:-1]
"""The 14 labels that have boxes."""

VINDR_NO_FINDING = VINDR_FINDINGS[-1]
"""The complement of the other 14: a class of its own, never with boxes."""

VINDR_1_0_0_BOXED_FINDINGS: tuple[str, ...] = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
)
"""The 22 local labels of VinDr-CXR 1.0.0, all of which have boxes."""

VINDR_1_0_0_FINDINGS: tuple[str, ...] = (*VINDR_1_0_0_BOXED_FINDINGS, VINDR_NO_FINDING)
"""Them, and the complement of all."""

CHESTX_DET_FINDINGS: tuple[str, ...] = (
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "Diffuse Nodule",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Fracture",
    "Mass",
    "Nodule",
    "Pleural Thickening",
    "Pneumothorax",
)
"""The 13 labels of ChestX-Det, all outlined."""

RSNA_FINDINGS: tuple[str, ...] = ("Pneumonia",)
"""The label of RSNA's challenge: an opacity that may be pneumonia."""

SIIM_FINDINGS: tuple[str, ...] = ("Pneumothorax",)
"""The label of SIIM-ACR's challenge."""

CHEXLOCALIZE_FINDINGS: tuple[str, ...] = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Support Devices",
)
"""The ten labels of CheXpert that CheXlocalize outlines; it calls Lung Opacity Airspace Opacity."""

CHEXPERT_FINDINGS: tuple[str, ...] = (
    *CHEXLOCALIZE_FINDINGS,
    "Pneumonia",
    "Pleural Other",
    "Fracture",
    "No Finding",
)
"""The 14 labels of CheXpert."""

TBX11K_FINDINGS: tuple[str, ...] = ("ActiveTuberculosis", "ObsoletePulmonaryTuberculosis")
"""The labels of TBX11K's published images; a third, of uncertain ones, is in its test part alone."""

NO_FINDING_COLUMNS: tuple[str, ...] = ("image", "patient", "split")
"""Columns of a folder's table of labels that are no findings."""
