/**
 * The only script of the pages, which all work without it: a key presses or focuses what names it in `data-key`. Keys can be turned off,
 * because single keys get in the way of speech input.
 */
export const keysScript = `'use strict';
const store = 'webshop-keys';
const toggle = document.getElementById('keys');
let on = localStorage.getItem(store) !== 'off';

function show() {
  toggle.hidden = false;
  toggle.setAttribute('aria-pressed', String(on));
  toggle.textContent = on ? 'Single keys are on' : 'Single keys are off';
  document.documentElement.classList.toggle('keys', on);
}

toggle.addEventListener('click', () => {
  on = !on;
  localStorage.setItem(store, on ? 'on' : 'off');
  show();
});

document.addEventListener('keydown', (event) => {
  if (!on || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const at = event.target instanceof Element ? event.target : document.body;
  if (at.matches('input:not([type=radio]), select, textarea')) return;
  if (event.key.startsWith('Arrow') && at.matches('input, [tabindex]:not(main)')) return;
  const found = document.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
  if (found === null || found.matches(':disabled')) return;
  event.preventDefault();
  if (found.matches('input')) {
    found.focus();
    found.select();
  } else found.click();
});

show();
`;
