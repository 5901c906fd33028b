<?php
$rows = array_map('str_getcsv', file('cargo.csv'));
foreach ($rows as $row) {
    echo htmlspecialchars(implode(', ', $row)), "<br>\n";
}
