'use strict';
const rows = [];
fetch('/cargo.json').then(r => r.json()).then(cargo => {
  for (const [ship, tons] of Object.entries(cargo)) rows.push(`${ship}: ${tons}`);
  console.log(rows.join('\n'));
});
