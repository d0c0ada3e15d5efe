// usage: node provider.mjs FOLDER
// oidc-provider on a free port of 127.0.0.1 with the certificate FOLDER/tls.pem and its key
// FOLDER/tls.key; writes FOLDER/port once it listens. One client for each algorithm that MCP accepts:
// mcp-RS256, mcp-ES256 and mcp-EdDSA. Whoever logs in is who they say they are; their groups stand in
// FOLDER/groups.json.
import fs from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];
const require = createRequire(path.join(process.env.OIDC_PROVIDER, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Provider } = await load('oidc-provider');
const { generateKeyPair, exportJWK } = await load('jose');

const groups = JSON.parse(fs.readFileSync(path.join(folder, 'groups.json'), 'utf8'));
const algorithms = ['RS256', 'ES256', 'EdDSA'];
const keys = await Promise.all(algorithms.map(async (alg) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...await exportJWK(privateKey), alg, use: 'sig', kid: `key-${alg}` };
}));

const server = https.createServer({
  cert: fs.readFileSync(path.join(folder, 'tls.pem')),
  key: fs.readFileSync(path.join(folder, 'tls.key')),
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`https://localhost:${port}`, {
    clients: algorithms.map((alg) => ({
      client_id: `mcp-${alg}`,
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: alg,
    })),
    jwks: { keys },
    scopes: ['openid', 'profile', 'groups'],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    conformIdTokenClaims: false,
    enabledJWA: { idTokenSigningAlgValues: algorithms },
    features: { deviceFlow: { enabled: true } },
    cookies: { keys: ['test'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }),
    }),
  });
  server.on('request', provider.callback());
  fs.writeFileSync(path.join(folder, 'port.new'), String(port));
  fs.renameSync(path.join(folder, 'port.new'), path.join(folder, 'port'));
});
