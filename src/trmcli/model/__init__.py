"""The networks: configuration, layers, mixers, the Tiny Recursive Model, losses."""

from trmcli.model.config import RELATIONAL, TRMConfig
from trmcli.model.mixers import Relations
from trmcli.model.trm import Carry, Output, TinyRecursiveModel

__all__ = ["RELATIONAL", "Carry", "Output", "Relations", "TRMConfig", "TinyRecursiveModel"]
