namespace EdgeProxy.Clients;

/// <summary>One element of <c>Forwarded</c> (RFC 7239 section 4): <c>for="[2001:db8::1]:4711";proto=https;host=example.com</c>.</summary>
/// <param name="For">The client that connected: an address, <c>unknown</c>, or a name that means something only to the proxy that chose it
/// (<c>_hidden</c>).</param>
/// <param name="Proto">The scheme that was used.</param>
/// <param name="Host">What <c>Host</c> was.</param>
internal readonly record struct ForwardedElement(string? For, string? Proto, string? Host)
{
    /// <summary>Values without quotes may hold what should have them (colons, brackets): proxies do write so.</summary>
    /// <returns>False: it is malformed, or says something twice.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out ForwardedElement element)
    {
        element = default;
        while (!text.IsEmpty)
        {
            var equals = text.IndexOf('=');
            if (equals < 0)
            {
                return text.Trim(" \t;").IsEmpty;
            }

            var name = text[..equals].Trim(" \t;");
            text = text[(equals + 1)..];
            if (!TryTakeValue(ref text, out var value) || !TryAdd(ref element, name, value))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Takes the value and what follows it, up to the semicolon.</summary>
    private static bool TryTakeValue(ref ReadOnlySpan<char> text, out string value)
    {
        value = "";
        if (text.StartsWith('"'))
        {
            return TryTakeQuoted(ref text, out value) && EndsPair(ref text);
        }

        var end = text.IndexOf(';');
        var token = (end < 0 ? text : text[..end]).TrimEnd(" \t");
        text = end < 0 ? default : text[end..];
        value = token.ToString();
        return !token.IsEmpty && !token.ContainsAny(" \t\"=\\");
    }

    /// <summary>A quoted string (RFC 9110 section 5.6.4); a backslash makes the next character stand for itself.</summary>
    private static bool TryTakeQuoted(ref ReadOnlySpan<char> text, out string value)
    {
        var unquoted = new System.Text.StringBuilder();
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i] == '"')
            {
                value = unquoted.ToString();
                text = text[(i + 1)..];
                return true;
            }

            i += text[i] == '\\' ? 1 : 0;
            unquoted.Append(i < text.Length ? text[i] : '\\');
        }

        value = "";
        return false;
    }

    private static bool EndsPair(ref ReadOnlySpan<char> text)
    {
        text = text.TrimStart(" \t");
        return text.IsEmpty || text[0] == ';';
    }

    /// <summary>Each parameter at most once (RFC 7239 section 4); <c>by</c> and extensions are not looked at.</summary>
    private static bool TryAdd(ref ForwardedElement element, ReadOnlySpan<char> name, string value)
    {
        if (name.Equals("for", StringComparison.OrdinalIgnoreCase))
        {
            var isFirst = element.For is null;
            element = element with { For = value };
            return isFirst;
        }

        if (name.Equals("proto", StringComparison.OrdinalIgnoreCase))
        {
            var isFirst = element.Proto is null;
            element = element with { Proto = value };
            return isFirst;
        }

        if (name.Equals("host", StringComparison.OrdinalIgnoreCase))
        {
            var isFirst = element.Host is null;
            element = element with { Host = value };
            return isFirst;
        }

        return !name.IsEmpty && !name.ContainsAny("; \t\"\\");
    }
}
