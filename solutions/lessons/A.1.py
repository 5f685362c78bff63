"""One dictionary of labels stands at the pods and in both selectors, so the Service finds the pods that the Deployment
makes. The limit of memory and the check of readiness belong to the container, and the number of copies to the
Deployment.
"""

my_labels = {"app": "wine-two"}
my_container = {"name": "wine-two", "image": "registry.example.org/wine:2", "ports": [{"containerPort": port}]}
my_container["readinessProbe"] = {"httpGet": {"path": "/ping", "port": port}}
my_container["resources"] = {"limits": {"memory": "1Gi"}}
my_pod = {"metadata": {"labels": my_labels}, "spec": {"containers": [my_container]}}
my_deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "wine-two"}}
my_deployment["spec"] = {"replicas": 3, "selector": {"matchLabels": my_labels}, "template": my_pod}
my_service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "wine-two"}}
my_service["spec"] = {"selector": my_labels, "ports": [{"port": 80, "targetPort": port}]}

my_manifest = {"apiVersion": "v1", "kind": "List", "items": [my_deployment, my_service]}
