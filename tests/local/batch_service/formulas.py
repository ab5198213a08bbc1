"""A formula as a pool in Azure uses it: to zero when idle, spot first, one node kept warm, held when blind."""

SCALE_TO_ZERO = """
maxNodes = 8; maxDedicated = {dedicated}; maxSpot = maxNodes - maxDedicated;
held = $TargetDedicatedNodes + $TargetLowPriorityNodes;
seen = $PendingTasks.GetSamplePercent(3 * TimeInterval_Minute);
demand = seen < 30 ? held : max($PendingTasks.GetSample(3 * TimeInterval_Minute));
seenLong = $PendingTasks.GetSamplePercent(15 * TimeInterval_Minute);
recent = seenLong < 10 ? held : max($PendingTasks.GetSample(15 * TimeInterval_Minute));
wanted = min(maxNodes, max(demand, recent > 0 ? min(1, max(held, demand)) : 0));
seenLost = $PreemptedNodeCount.GetSamplePercent(3 * TimeInterval_Minute);
lost = seenLost < 30 ? 0 : min($PreemptedNodeCount.GetSample(3 * TimeInterval_Minute));
$TargetLowPriorityNodes = min(maxSpot, wanted);
$TargetDedicatedNodes = min(maxDedicated, max(wanted - maxSpot, min(wanted, lost)));
$NodeDeallocationOption = taskcompletion;
"""
