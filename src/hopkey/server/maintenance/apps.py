from django.apps import AppConfig


class MaintenanceConfig(AppConfig):
    name = "hopkey.server.maintenance"
    label = "maintenance"
