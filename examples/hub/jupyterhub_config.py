"""JupyterHub on Kubernetes whose users' sessions outlive their pods: what belongs into `jupyterhub_config.py`.

A pod that is culled, or whose machine is taken away, is told so and has a while. Before anything in it ends, what its
kernels recorded goes to a remote that the user has named once (`clew remote add hub s3://…`, or a folder that all pods
share). In the next pod `clew pull --all` brings it, and `%clew resume` the variables.
"""

c = get_config()  # noqa: F821  (JupyterHub defines it)

# Where the user's own volume is. Stores on a network share work too, but are slower than the pod's own disk.
c.KubeSpawner.environment = {"CLEW_HOME": "/home/jovyan/.local/share/clew"}

# Kernels go on while this runs: it sends what is recorded, and reads nothing from them.
c.KubeSpawner.lifecycle_hooks = {"preStop": {"exec": {"command": ["clew", "push", "--all"]}}}
c.KubeSpawner.extra_pod_config = {"terminationGracePeriodSeconds": 120}
