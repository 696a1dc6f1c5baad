"""What every map owes, whatever computes it: a new line in the table of maps is tested here by itself."""

import pytest
import torch

from bench.evaluation.cam import cam_maps
from bench.evaluation.conformance import CHECKS, Candidate, candidate_of
from bench.suite.cam import CAMS, NATIVE, with_cam
from bench.suite.conformance import examined, name_of

OTHERS = [cam for cam in CAMS if cam != NATIVE]


def test_only_the_native_map_is_computed_by_nobody_and_no_two_make_the_same_row():
    assert [cam for cam, entry in CAMS.items() if entry.target is None] == [NATIVE]
    assert len({with_cam("PYLON", cam) for cam in CAMS}) == len(CAMS)


@pytest.fixture(scope="module", params=OTHERS)
def candidate(request):
    return candidate_of(request.param)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_method(candidate, check):
    assert check(candidate) is None


def good(model, images, classes):
    return cam_maps(model, images, classes, "grad_cam")


def doubled(*asked):
    return 2 * good(*asked)


def oblong(*asked):
    return good(*asked)[:, 1:]


def drawn(*asked):
    maps = good(*asked)
    return maps * torch.rand(len(maps), 1, 1)


def blended(*asked):
    maps = good(*asked)
    return (maps + maps.mean(dim=0, keepdim=True)).div(2)


def finite(*asked):
    return good(*asked).nan_to_num()


def undefined(*asked):
    maps = good(*asked)
    return torch.where(maps.flatten(1).amax(dim=1)[:, None, None] > 0, maps, torch.nan)


def hooked(model, images, classes):
    model.register_forward_hook(lambda *_: None)
    return good(model, images, classes)


def retrained(model, images, classes):
    with torch.no_grad():
        model.head.bias.add_(1)
    return good(model, images, classes)


def cropping(model, images, classes):
    return good(model, images[:, :1], classes)


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (doubled, "maps are square and fill zero to one"),
        (oblong, "maps are square and fill zero to one"),
        (undefined, "evidence for nothing makes maps that are finite"),
        (finite, "features that are not finite make maps that are not"),
        (blended, "units of a batch do not see each other"),
        (drawn, "same maps come again"),
        (hooked, "model is left as it was"),
        (retrained, "model is left as it was"),
        (cropping, "model is left as it was by images that do not fit"),
    ],
)
def test_faults_are_found(faulty, check):
    of_faulty = [one for one in CHECKS if name_of(one) == check]
    ((_, problem),) = examined(of_faulty, Candidate(faulty), None)
    assert problem is not None
