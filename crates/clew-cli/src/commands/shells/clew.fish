# Completion of `clew` in fish: clew completions fish | source
function __clew_complete
    set -l words (commandline -opc)
    $words[1] __complete fish $words[2..] (commandline -ct) 2>/dev/null
end
complete -c clew -f -k -a '(__clew_complete)'
