import type { Plugin } from 'vite';

/**
 * noVNC's CommonJS files ask the browser for H.264 with a top-level await, which CommonJS does not have. QEMU does not speak
 * H.264: the answer is no.
 */
export function novnc(): Plugin {
  const asked = /= await _checkWebCodecsH264DecodeSupport\(\)/;
  return {
    name: 'novnc',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('@novnc/novnc/lib/util/browser.js') || id.startsWith('\0')) return undefined;
      if (!asked.test(code)) this.error('noVNC has changed: see whether novnc.ts is still needed');
      return { code: code.replace(asked, '= false'), map: null };
    },
  };
}
