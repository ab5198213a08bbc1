"""The Azure Batch autoscale language: the documented subset that a pool formula uses.

    FormulaError            the formula is wrong (syntax, types, unknown names, limits)
    └── SampleError         the formula is right, but the samples it asks for do not exist (yet)

Reference: https://learn.microsoft.com/azure/batch/batch-automatic-scaling
"""

from local.batch_service.formula.evaluate import READ_ONLY, evaluate
from local.batch_service.formula.values import FormulaError, Interval, SampleError, Samples, Value

__all__ = ["READ_ONLY", "FormulaError", "Interval", "SampleError", "Samples", "Value", "evaluate"]
