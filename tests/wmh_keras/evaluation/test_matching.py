"""Which files are paired, and what is said of those that are not."""

import pytest

from data_prep.errors import UserError
from wmh_keras.evaluation.file_names import list_probabilities
from wmh_keras.evaluation.matching import match_folders
from wmh_keras.evaluation.pairs import read_pairs


def make_files(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def names_of(matching, root):
    return {
        pair.reference.relative_to(root / "r").as_posix(): (
            pair.prediction.relative_to(root / "p").as_posix()
        )
        for pair in matching.pairs
    }


def match(root, references, predictions, **options):
    make_files(root / "r", *references)
    make_files(root / "p", *predictions)
    return match_folders(root / "r", root / "p", **options)


def bids_mask(subject, *entities, suffix="label-WMH_mask"):
    parts = [f"sub-{subject}", *entities, suffix]
    return f"sub-{subject}/anat/{'_'.join(parts)}.nii.gz"


def test_bids_entities_pair_across_layouts_and_tools(tmp_path):
    references = [
        bids_mask("01", "ses-1", "run-01"),
        bids_mask("01", "ses-2"),
        bids_mask("02"),
    ]
    matching = match(
        tmp_path,
        references,
        [
            "sub-02_seg.nii",
            "sub-01/ses-2/lesions.nii.gz",
            "deep/sub-01_ses-1_run-1_space-orig_pred.nii.gz",
        ],
    )
    assert names_of(matching, tmp_path) == {
        references[0]: "deep/sub-01_ses-1_run-1_space-orig_pred.nii.gz",
        references[1]: "sub-01/ses-2/lesions.nii.gz",
        references[2]: "sub-02_seg.nii",
    }
    assert matching.problems == ()
    keys = [pair.key.identity for pair in matching.pairs]
    # As the data set says it, so that rows fit those of a model's evaluation.
    assert keys == [("01", "1", "01"), ("01", "2", ""), ("02", "", "")]


def test_images_probabilities_and_other_masks_are_passed_over(tmp_path):
    matching = match(
        tmp_path,
        [
            bids_mask("01"),
            bids_mask("01", suffix="desc-brain_mask"),
            bids_mask("01", suffix="FLAIR"),
            "sub-01/anat/.hidden_mask.nii.gz",
        ],
        [
            bids_mask("01", suffix="label-WMH_mask"),
            bids_mask("01", suffix="label-WMH_probseg"),
            bids_mask("01", suffix="label-WMH_desc-disagreement_probseg"),
            "sub-01_ses-1_FLAIR_uncertainty.nii.gz",
            bids_mask("01", suffix="T1w"),
            "sub-01/anat/notes.txt",
        ],
    )
    assert names_of(matching, tmp_path) == {bids_mask("01"): bids_mask("01")}
    assert matching.problems == ()


def test_the_uncertainty_of_an_ensemble_is_no_probability(tmp_path):
    names = [
        bids_mask("01", suffix="label-WMH_probseg"),
        bids_mask("01", suffix="label-WMH_desc-disagreement_probseg"),
        bids_mask("01", suffix="label-WMH_desc-xDisagreement_probseg"),
        "a/X_uncertainty.nii.gz",
        "a/X_probability.nii.gz",
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert list_probabilities(tmp_path) == sorted([names[0], names[4]])


def test_masks_named_like_their_images(tmp_path):
    names = ["sub-1_FLAIR.nii.gz", "sub-2_FLAIR.nii.gz"]
    assert names_of(match(tmp_path, names, names), tmp_path) == dict(
        zip(names, names, strict=True)
    )


def test_what_stays_alone_is_named(tmp_path):
    matching = match(
        tmp_path,
        [bids_mask("01"), bids_mask("02")],
        [bids_mask("02"), bids_mask("03"), "mean.nii.gz"],
    )
    assert len(matching.pairs) == 1
    found = [(p.subject, p.file, p.reason) for p in matching.problems]
    assert found == [
        (
            "subject 01",
            str(tmp_path / "r" / bids_mask("01")),
            f"no prediction in {tmp_path / 'p'}",
        ),
        ("", str(tmp_path / "p" / "mean.nii.gz"), "no reference for it"),
        ("", str(tmp_path / "p" / bids_mask("03")), "no reference for it"),
    ]


def test_another_session_is_another_scan(tmp_path):
    matching = match(
        tmp_path, [bids_mask("01", "ses-1")], [bids_mask("01", "ses-2")]
    )
    assert matching.pairs == ()
    assert len(matching.problems) == 2


def test_two_masks_of_a_scan_are_ambiguous(tmp_path):
    with pytest.raises(UserError, match=r"subject 01.*a_seg.*b_seg.*--pairs"):
        match(
            tmp_path,
            [bids_mask("01")],
            ["sub-01_a_seg.nii.gz", "sub-01_b_seg.nii.gz"],
        )


def test_acquisitions_are_told_apart_where_they_have_to_be(tmp_path):
    references = [bids_mask("01", "acq-ax"), bids_mask("01", "acq-sag")]
    matching = match(tmp_path, references, references[::-1])
    assert names_of(matching, tmp_path) == {n: n for n in references}
    assert [p.key.run for p in matching.pairs] == ["acqax", "acqsag"]


def test_equal_relative_paths(tmp_path):
    matching = match(
        tmp_path,
        ["a/scan_mask.nii.gz", "b/scan_mask.nii.gz"],
        ["a/scan_seg.nii.gz", "b/scan_seg.nii"],
    )
    assert names_of(matching, tmp_path) == {
        "a/scan_mask.nii.gz": "a/scan_seg.nii.gz",
        "b/scan_mask.nii.gz": "b/scan_seg.nii",
    }
    assert [p.key.subject_id for p in matching.pairs] == ["a", "b"]


def test_equal_stems_in_other_folders(tmp_path):
    matching = match(
        tmp_path,
        ["north/p1_label-WMH_mask.nii.gz", "south/p2_manual.nii.gz"],
        ["p1_pred.nii.gz", "p2_pred.nii.gz"],
    )
    assert [p.key.subject_id for p in matching.pairs] == ["p1", "p2"]
    assert [p.prediction.name for p in matching.pairs] == [
        "p1_pred.nii.gz",
        "p2_pred.nii.gz",
    ]


def test_references_of_bids_and_predictions_named_by_subject(tmp_path):
    matching = match(
        tmp_path,
        [bids_mask("A1"), bids_mask("A2")],
        ["A1.nii.gz", "A2_mask.nii.gz"],
    )
    assert [p.prediction.name for p in matching.pairs] == [
        "A1.nii.gz",
        "A2_mask.nii.gz",
    ]


def test_the_layout_of_the_challenge(tmp_path):
    matching = match(
        tmp_path,
        ["0/wmh.nii.gz", "1/wmh.nii.gz", "0/pre/FLAIR.nii.gz"],
        ["0/result.nii.gz", "1/result.nii.gz"],
    )
    assert names_of(matching, tmp_path) == {
        "0/wmh.nii.gz": "0/result.nii.gz",
        "1/wmh.nii.gz": "1/result.nii.gz",
    }
    assert [p.key.subject_id for p in matching.pairs] == ["0", "1"]


def test_name_and_folder_that_contradict_each_other(tmp_path):
    with pytest.raises(UserError, match="could belong to"):
        match(
            tmp_path,
            ["a/x_mask.nii.gz", "b/y_mask.nii.gz"],
            ["a/y_seg.nii.gz", "b/x_seg.nii.gz"],
        )


def test_nothing_in_common(tmp_path):
    with pytest.raises(UserError, match="no two files share"):
        match(tmp_path, ["x_mask.nii.gz"], ["y_mask.nii.gz"])


def test_two_files_of_one_name_are_told_of(tmp_path):
    with pytest.raises(UserError, match=r"b\.nii.*p are both named b, so"):
        match(
            tmp_path,
            ["a.nii.gz", "b.nii.gz"],
            ["a.nii.gz.nii", "b.nii", "b_mask.nii"],
        )


def test_missing_and_empty_folders(tmp_path):
    make_files(tmp_path / "r", "x_mask.nii.gz")
    with pytest.raises(UserError, match="p: expected a folder"):
        match_folders(tmp_path / "r", tmp_path / "p")
    make_files(tmp_path / "p", "x_probability.nii.gz")
    with pytest.raises(UserError, match="p: expected masks"):
        match_folders(tmp_path / "r", tmp_path / "p")


def test_probabilities_from_the_folder_of_the_predictions(tmp_path):
    matching = match(
        tmp_path,
        ["p1_mask.nii.gz", "p2_mask.nii.gz"],
        [
            "p1_FLAIR_mask.nii.gz",
            "p1_FLAIR_probability.nii.gz",
            "p2_FLAIR_mask.nii.gz",
        ],
        probabilities=tmp_path / "p",
    )
    (pair,) = matching.pairs
    assert pair.probability.name == "p1_FLAIR_probability.nii.gz"
    (problem,) = matching.problems
    assert problem.subject == "subject p2"
    assert "no probability" in problem.reason


def test_sites_come_from_the_data_set_above(tmp_path):
    root = tmp_path / "data"
    make_files(root / "derivatives/manual", bids_mask("01"), bids_mask("02"))
    (root / "participants.tsv").write_text(
        "participant_id\tsite\nsub-01\tnorth\nsub-02\tn/a\n"
    )
    predictions = make_files(tmp_path / "p", bids_mask("01"), bids_mask("02"))
    matching = match_folders(root / "derivatives/manual", predictions)
    assert [p.key.site for p in matching.pairs] == ["north", ""]


def test_a_table_of_pairs(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text(
        "subject_id,reference,prediction,probability,flair,session,site\n"
        "sub-7,r/a.nii.gz,p/b.nii.gz,q.nii,,ses-1,north\n"
        f"8,{tmp_path}/c.nii,d.nii,e.nii,,,\n"
    )
    matching = read_pairs(table)
    first, second = matching.pairs
    assert matching.problems == ()
    assert first.key.identity == ("7", "1", "")
    assert first.key.site == "north"
    assert first.reference == tmp_path / "r/a.nii.gz"
    assert first.flair is None
    assert second.reference == tmp_path / "c.nii"
    assert second.probability == tmp_path / "e.nii"


def test_every_row_that_lacks_a_file_is_named(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text(
        "subject_id,reference,prediction,probability,flair\n"
        "1,a,b,p,\n2,a,b,,f\n\n3,a,,p,f\n4,a,b,p,f\n,a,b,p,f\n"
    )
    matching = read_pairs(table)
    assert [pair.key.subject_id for pair in matching.pairs] == ["4"]
    assert [str(problem) for problem in matching.problems] == [
        f"{table}, line 2: no flair, which other rows have",
        f"{table}, line 3: no probability, which other rows have",
        f"{table}, line 5: no prediction",
        f"{table}, line 7: no subject_id",
    ]


def test_probabilities_and_images_of_some_only(tmp_path):
    make_files(tmp_path / "q", "sub-01_prob.nii", "sub-02_prob.nii")
    make_files(
        tmp_path / "bids",
        "sub-01/anat/sub-01_FLAIR.nii.gz",
        "sub-01/anat/sub-01_T1w.nii.gz",
        "derivatives/m/sub-02/anat/sub-02_label-WMH_mask.nii.gz",
        "sub-03/anat/sub-03_FLAIR.nii.gz",
    )
    masks = [bids_mask(name) for name in ("01", "02", "03")]
    matching = match(
        tmp_path,
        masks,
        masks,
        probabilities=tmp_path / "q",
        images=tmp_path / "bids",
    )
    (pair,) = matching.pairs
    assert pair.probability == tmp_path / "q/sub-01_prob.nii"
    assert pair.flair == tmp_path / "bids/sub-01/anat/sub-01_FLAIR.nii.gz"
    reasons = [problem.reason for problem in matching.problems]
    assert reasons == [
        f"no flair in {tmp_path / 'bids'}",
        f"no probability in {tmp_path / 'q'}",
    ]


def test_images_by_name_and_never_a_mask(tmp_path):
    make_files(tmp_path / "i", "a.nii", "b_FLAIR.nii", "b_FLAIR_mask.nii")
    matching = match(
        tmp_path, ["b_wmh.nii"], ["b_pred.nii"], images=tmp_path / "i"
    )
    assert matching.pairs[0].flair == tmp_path / "i/b_FLAIR.nii"
    make_files(tmp_path / "j", "a.nii", "b.nii", "b_mask.nii")
    matching = match(tmp_path, [], [], images=tmp_path / "j")
    assert matching.pairs[0].flair == tmp_path / "j/b.nii"
    make_files(tmp_path / "k", "b_mask.nii", "b_prob.nii")
    with pytest.raises(UserError, match="expected FLAIR images"):
        match(tmp_path, [], [], images=tmp_path / "k")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject_id,reference\n1,a\n", "missing: prediction"),
        ("subject_id,reference,prediction,mask\n1,a,b,c\n", "unknown: mask"),
        ("subject_id,reference,prediction\n", "a row a volume"),
        ("subject_id,reference,prediction\n1,a,b\n1,c,d\n", "more than once"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, text, message):
    table = tmp_path / "pairs.csv"
    table.write_text(text)
    with pytest.raises(UserError, match=message):
        read_pairs(table)
