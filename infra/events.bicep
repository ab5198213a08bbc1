// Uploads reach the app: Event Grid calls the Functions host for each new blob in `videos`. Deployed after the app
// (infra/hooks/wire_uploads.sh), because the key in the address is made by the host when it first runs. ARM reads the
// key itself; it passes through no script, log or output.

@description('Region of the data account.')
param location string = resourceGroup().location

@description('Function App.')
param functionAppName string

@description('Data account.')
param dataAccountName string

@description('Log Analytics workspace for events that could not be delivered.')
param workspaceId string

@description('Function that starts a job for an upload.')
param functionName string = 'on_video_uploaded'

@description('Container that uploads go to.')
param container string = 'videos'

resource data 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: dataAccountName
}

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${dataAccountName}'
  location: location
  properties: {
    source: data.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource uploads 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'uploads'
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.${functionName}&code=${listKeys('${app.id}/host/default', '2024-04-01').systemKeys.blobs_extension}'
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${container}/'
      // The app's own answers to uploads, beside them.
      advancedFilters: [{ operatorType: 'StringNotEndsWith', key: 'subject', values: ['.error.json'] }]
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}

resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'failures'
  scope: topic
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'DeliveryFailures', enabled: true }]
  }
}

output topicName string = topic.name
