namespace EdgeProxy.Proxying;

/// <summary>Finds the ends of events in a stream that arrives in pieces: a blank line (HTML standard, section 9.2.6: lines end with LF, CR or CR LF), or the
/// end of a line.</summary>
/// <param name="everyLine">Each line is an event of its own (newline-delimited JSON).</param>
internal struct EventBoundary(bool everyLine)
{
    private bool _lineIsEmpty = true;
    private bool _behindCarriageReturn;

    /// <summary>Nothing but whole events so far.</summary>
    public bool IsBetween { get; private set; } = true;

    /// <summary>Looks at all bytes.</summary>
    /// <returns>How many of them belong to events that are whole now; 0: none ends here.</returns>
    public int All(ReadOnlySpan<byte> bytes)
    {
        var whole = 0;
        for (var at = 0; at < bytes.Length; at++)
        {
            if (Take(bytes[at]))
            {
                whole = at + 1;
            }
        }

        return whole;
    }

    /// <returns>Whether an event ends here.</returns>
    private bool Take(byte next)
    {
        var isSecondHalf = next == (byte)'\n' && _behindCarriageReturn;
        _behindCarriageReturn = next == (byte)'\r';
        if (isSecondHalf)
        {
            return IsBetween;
        }

        var endsLine = next is (byte)'\n' or (byte)'\r';
        IsBetween = endsLine && (everyLine || _lineIsEmpty);
        _lineIsEmpty = endsLine;
        return IsBetween;
    }
}
