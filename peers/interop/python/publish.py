# Publishes two messages with Paho, the second once the connection was lost and is
# back, and ends when the second is acknowledged.
import sys
import threading

import paho.mqtt.client as mqtt

host, port, version, user, password, qos, first, payload, second = sys.argv[1:]
options = {} if version == "5" else {"clean_session": False}
client = mqtt.Client(client_id="c", protocol=int(version), **options)
client.username_pw_set(user, password)
client.reconnect_delay_set(min_delay=1, max_delay=1)
connections = 0
again = threading.Event()


def on_connect(client, userdata, flags, code, properties=None):
    global connections
    connections += 1
    if connections == 1:
        client.publish(first, payload, int(qos))
    else:
        again.set()


client.on_connect = on_connect
client.connect(host, int(port))
client.loop_start()
again.wait(20)
info = client.publish(second, "21", 1)
info.wait_for_publish(20)
client.disconnect()
client.loop_stop()
sys.exit(0 if again.is_set() and info.is_published() else 1)
