"""Which of several yes/no results go together: contingency tables, log-linear models, odds ratios.

:class:`ContingencyTable` holds the counts, :func:`analyse` fits every hierarchical model and selects
one, :func:`three_way_table` codes simulations as improved or not.
"""

from nanonet.association.improvement import Simulated, three_way_table
from nanonet.association.report import Analysis, analyse
from nanonet.association.table import ContingencyTable

__all__ = ["Analysis", "ContingencyTable", "Simulated", "analyse", "three_way_table"]
