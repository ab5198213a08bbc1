// The registry of the GPU task's image, which `az acr build` builds in Azure (infra/hooks/build_image.sh).

@description('Name: 5 to 50 letters and digits.')
@minLength(5)
@maxLength(50)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Let nodes pull over a private endpoint, which only Premium has.')
param privateNetwork bool

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: privateNetwork ? 'Premium' : 'Basic' }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    // Open to identities even on the private network: the machines that run `az acr build` are Azure's own and come from
    // outside (unverified: a registry agent pool in the VNet would close this too). It holds our code, no user's data.
    publicNetworkAccess: 'Enabled'
    networkRuleBypassOptions: 'AzureServices'
    zoneRedundancy: 'Disabled'
  }
}

output id string = registry.id
output name string = registry.name
output loginServer string = registry.properties.loginServer
