from django.apps import AppConfig


class ProvisioningConfig(AppConfig):
    name = "hopkey.server.provisioning"
    label = "provisioning"
