const levels = [0, 95, 135, 175, 215, 255];

const nearest = (value: number): number =>
  levels.reduce((best, level, i) => (Math.abs(level - value) < Math.abs((levels[best] ?? 0) - value) ? i : best), 0);

/** The colour of xterm's palette of 256 that is next to a colour: of its cube of 6×6×6, or of its greys. */
export function paletteOf(red: number, green: number, blue: number): number {
  if (red === green && green === blue && red > 3 && red < 247) return 232 + Math.min(23, Math.round((red - 8) / 10));
  return 16 + 36 * nearest(red) + 6 * nearest(green) + nearest(blue);
}

const direct = /(^|;)(38|48|58)(?:;2;|:2:(?:\d*:)?)(\d+)[;:](\d+)[;:](\d+)(?=;|$)/g;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const colours = /\u001b\[([\d;:]*)m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const cut = /\u001b(?:\[[\d;:]{0,128})?$/;

/**
 * palette makes direct colours (ECMA-48 SGR 38;2;R;G;B) those of the palette. The terminal writes direct colours into style
 * attributes, which the policy of the dashboard forbids; those of the palette are classes. The function that it returns takes
 * the output piece by piece, and keeps a sequence that is cut off until the next piece.
 */
export function palette(): (piece: string) => string {
  let held = '';
  return (piece) => {
    const text = held + piece;
    held = cut.exec(text)?.[0] ?? '';
    return text
      .slice(0, text.length - held.length)
      .replace(colours, (whole, parameters: string) =>
        parameters.includes('2')
          ? `\u001b[${parameters.replace(direct, (_, before: string, what: string, r: string, g: string, b: string) => `${before}${what};5;${paletteOf(Number(r), Number(g), Number(b))}`)}m`
          : whole,
      );
  };
}
