"""``python -m tinyai_nr_metric TABLE``: writes the table."""

import sys
from pathlib import Path

from tinyai_nr_metric.crops import write_table

CROPS = 10  # of each picture

write_table(Path(sys.argv[1]), CROPS)
