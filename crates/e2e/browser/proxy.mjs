// A reverse proxy as people put one before a server: what is under /hefe goes there with its whole path, requests, streams
// and WebSockets alike; the rest of the host is somebody else's.
import http from 'node:http';
import net from 'node:net';

export const proxy = async (port) => {
  const headers = (request) => ({ ...request.headers, 'x-forwarded-host': request.headers.host, 'x-forwarded-proto': 'http',
    'x-forwarded-for': request.socket.remoteAddress });
  const is_ours = ({ url }) => url === '/hefe' || url.startsWith('/hefe/') || url.startsWith('/hefe?');
  const server = http.createServer((request, answer) => {
    if (!is_ours(request)) return answer.writeHead(404).end('another app');
    const { method, url: path } = request;
    const onward = http.request({ host: '127.0.0.1', port, method, path, headers: headers(request) }, (said) => {
      answer.writeHead(said.statusCode, said.headers);
      said.pipe(answer);
      said.on('error', () => answer.destroy());
    });
    onward.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end('nobody is there')));
    answer.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.on('upgrade', (request, socket, head) => {
    if (!is_ours(request)) return socket.destroy();
    const onward = net.connect(port, '127.0.0.1', () => {
      const lines = Object.entries(headers(request)).map(([name, value]) => `${name}: ${value}\r\n`);
      onward.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const close = () => (server.closeAllConnections(), server.close());
  return { base: `http://127.0.0.1:${server.address().port}`, close };
};
