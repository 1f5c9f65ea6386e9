import type { Chromium } from './chromium.ts';

/** Runs in the page: what of it is hard to read or to use. */
const findFaults = `(() => {
  const faults = [];
  const numbers = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
    const box = element.getBoundingClientRect();
    if (!own || element.closest('[aria-hidden=true]') || box.width < 2 || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(numbers(style.color)), luminance(ground(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) faults.push('contrast ' + contrast.toFixed(2) + ': ' + element.outerHTML.slice(0, 120));
  }
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) faults.push('wider than the window by ' + wide);
  if (document.querySelectorAll('h1').length !== 1) faults.push('headings of the first level: ' + document.querySelectorAll('h1').length);
  if (document.querySelectorAll('main').length !== 1 || document.documentElement.lang !== 'en') faults.push('no landmark or language');
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push('repeated id ' + id);
  for (const control of document.querySelectorAll('button, a.button, .choice')) {
    const box = control.getBoundingClientRect();
    if (control.checkVisibility() && box.width > 2 && box.height < 24 && !control.matches('.link')) faults.push('small target: ' + control.outerHTML.slice(0, 120));
  }
  return faults;
})()`;

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
}

/** What a page lacks: contrast, room, landmarks, and names of its controls in the accessibility tree. */
export async function pageFaults(chromium: Chromium): Promise<string[]> {
  const faults = await chromium.evaluate<string[]>(findFaults);
  const { nodes } = (await chromium.send('Accessibility.getFullAXTree')) as unknown as { nodes: AxNode[] };
  const named = ['button', 'link', 'textbox', 'searchbox', 'combobox', 'spinbutton', 'radio', 'meter', 'region', 'navigation'];
  for (const { ignored, role, name } of nodes) {
    if (!ignored && named.includes(role?.value ?? '') && (name?.value ?? '').trim() === '') faults.push(`a ${role?.value} without a name`);
  }
  return faults;
}
