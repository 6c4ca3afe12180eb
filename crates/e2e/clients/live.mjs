// pusher-js and Laravel Echo as npm has them. Takes a command a line as JSON, and prints what they tell, a line each.
import { createInterface } from "node:readline";
import Echo from "laravel-echo";
import Pusher from "pusher-js";

const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const place = ({ host, port, auth, headers }) => ({
  wsHost: host,
  wsPort: port,
  forceTLS: false,
  enabledTransports: ["ws"],
  cluster: "",
  authEndpoint: auth,
  auth: { headers },
});

let pusher;
const watch = () => {
  pusher.connection.bind("state_change", ({ current }) => say({ state: current, socket: pusher.connection.socket_id }));
  pusher.connection.bind("error", ({ error, data }) => say({ error: data ?? error?.data ?? String(error) }));
};

const commands = {
  connect({ key, ...where }) {
    pusher = new Pusher(key, place(where));
    watch();
  },
  subscribe({ channel }) {
    pusher.subscribe(channel).bind_global((event, data) => say({ channel, event, data }));
  },
  unsubscribe({ channel }) {
    pusher.channel(channel).unbind_global();
    pusher.unsubscribe(channel);
  },
  // Past what the library would send by itself.
  send({ event, data, channel }) {
    pusher.send_event(event, data, channel);
  },
  echo({ key, channel, listen, ...where }) {
    const echo = new Echo({ broadcaster: "pusher", key, Pusher, ...place(where) });
    pusher = echo.connector.pusher;
    watch();
    echo
      .private(channel)
      .subscribed(() => say({ subscribed: channel }))
      .error((error) => say({ refused: channel, error }))
      .listen(listen, (data) => say({ heard: listen, data }));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: command, ...rest } = JSON.parse(line);
  commands[command](rest);
}
process.exit();
