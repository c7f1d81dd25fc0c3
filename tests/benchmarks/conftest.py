import sys
from pathlib import Path

# Behind everything else: benchmarks are scripts with plain names.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
