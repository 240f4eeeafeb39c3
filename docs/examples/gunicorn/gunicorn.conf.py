"""The configuration of gunicorn: the application, the workers, and the hooks of the lifecycle."""

from app import hooks

wsgi_app = "app:application"
bind = "127.0.0.1:8000"
workers = 3

when_ready = hooks.when_ready
pre_fork = hooks.pre_fork
post_fork = hooks.post_fork
worker_exit = hooks.worker_exit
on_exit = hooks.on_exit
