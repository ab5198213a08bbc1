// What somebody should hear of. Queries run over the workspace; each says in its description what to do.
// A failed job is known by the line that the app logs once for it, and, should that be lost, by one of the Durable extension,
// whose text is taken from its source (EndToEndTraceHelper).
// unverified: that they arrive in AppTraces like this, and the columns of Batch's events; no account was at hand to see.

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Suffix that makes names unique.')
param token string

@description('Log Analytics workspace.')
param workspaceId string

@description('Address that alerts go to; empty: they show in the portal alone.')
param email string

var alerts = [
  {
    name: 'job-failed'
    title: 'A job failed'
    what: 'The line has the reason, and python -m client logs JOB what each task did. Retry it once the cause is gone: python -m client retry JOB.'
    severity: 2
    window: 'PT15M'
    query: '''
AppTraces
| where (SeverityLevel >= 3 and Message matches regex @"^job \S+ failed: ") or Message contains "Function 'score_video (Orchestrator)' failed with an error"
'''
  }
  {
    name: 'dead-letter'
    title: 'A queue message was given up'
    what: 'Look at it: python -m client deadletter list. Put it back once the cause is gone, or drop it.'
    severity: 2
    window: 'PT15M'
    query: '''
AppTraces
| where Message startswith "dead letter deadletter/"
'''
  }
  {
    name: 'pool-resize-failed'
    title: 'The pool did not reach its size'
    what: 'Most often quota or capacity: az batch pool show --pool-id atelier --query resizeErrors. docs/deploy.md says how to ask for quota.'
    severity: 2
    window: 'PT30M'
    query: '''
AzureDiagnostics
| where ResourceProvider == "MICROSOFT.BATCH" and OperationName == "PoolResizeCompleteEvent"
| where column_ifexists("resultCode_s", "Success") != "Success"
'''
  }
  {
    name: 'queue-stalled'
    title: 'Messages wait in a queue'
    what: 'More was put into a queue than was taken from it for 15 minutes: is the app up, and does Batch answer it?'
    severity: 1
    window: 'PT6H'
    // Storage does not tell how old a message is. Each message is put once and deleted once, when it is done with or moved.
    query: '''
StorageQueueLogs
| where StatusCode in (200, 201, 204)
| extend queue = tostring(split(parse_url(Uri).Path, "/")[1])
| summarize put = countif(OperationName == "PutMessage" and TimeGenerated < ago(15m)), taken = countif(OperationName == "DeleteMessage") by AccountName, queue
| where put > taken
'''
  }
  {
    name: 'upload-unheard'
    title: 'An upload did not reach the app'
    what: 'Event Grid could not deliver it. Deploy again (azd deploy) to renew the subscription, then start the video over HTTP: python -m client submit.'
    severity: 2
    window: 'PT15M'
    query: '''
AegDeliveryFailureLogs
'''
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'atelier'
    emailReceivers: empty(email) ? [] : [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in alerts: {
  name: 'alert-${alert.name}-${token}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Atelier: ${alert.title}'
    description: alert.what
    severity: alert.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT15M'
    windowSize: alert.window
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    autoMitigate: false
    // A table exists from its first row on: on a new deployment the check would refuse the query.
    skipQueryValidation: true
    actions: { actionGroups: [group.id] }
  }
}]
