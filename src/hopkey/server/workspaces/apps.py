from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "hopkey.server.workspaces"
    label = "workspaces"
