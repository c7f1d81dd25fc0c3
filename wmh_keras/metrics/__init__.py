"""Scores of a predicted mask against a reference mask, on plain arrays.

Arrays are (x, y, z) on the native grid. A reference holds 0 (background),
1 (white matter hyperintensity) and 2 (other pathology, left out
everywhere); a prediction holds 0 and 1. Misuse raises ValueError. Every
score has one value for every empty case, in one policy:

| score                                    | both empty | reference empty | prediction empty |
|------------------------------------------|------------|-----------------|------------------|
| Dice, lesion Dice (F1), lesion accuracy  | 1          | 0               | 0                |
| precision, lesion precision              | 1          | 0               | NaN              |
| recall, lesion recall                    | 1          | NaN             | 0                |
| AUC, average precision                   | NaN        | NaN             | (probabilities)  |
| H95                                      | 0          | NaN             | NaN              |
| AVD                                      | 0          | NaN             | 100              |

"Empty" means: no voxel of label 1, or no predicted voxel, after the voxels
of label 2 have been left out of both. Within a size class a lesion can be
found by one of another size; `lesion.score_counts` says what then holds.
"""  # noqa: E501
