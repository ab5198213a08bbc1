// The operator's page: jobs, nodes, queues and failures side by side.

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Log Analytics workspace it reads.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'atelier')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Atelier'
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: replace(loadTextContent('../workbook.json'), '{workspaceId}', workspaceId)
  }
}

output id string = workbook.id
