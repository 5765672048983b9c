import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { noNewsDrawer } from './newsdrawer';
import { novnc } from './novnc';
import { precompress } from './precompress';

// A cloud for `npm run dev`; the built dashboard is served by the cloud itself.
const cloud = process.env.WISP_URL ?? 'http://127.0.0.1:5000';

const proxy = Object.fromEntries(
  [
    '/identity/',
    '/compute/',
    '/image/',
    '/network/',
    '/placement/',
    '/session',
    '/events',
    '/healthz',
    '/console/vnc/stream',
    '/console/serial/stream',
  ].map((path) => [path, { target: cloud, changeOrigin: false, ws: true }]),
);

export default defineConfig({
  plugins: [react(), noNewsDrawer(), novnc(), precompress()],
  resolve: { alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    reportCompressedSize: false,
  },
  server: { proxy },
  preview: { proxy },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    testTimeout: 20_000,
  },
});
