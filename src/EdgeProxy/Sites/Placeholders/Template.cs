using System.Text;
using System.Text.RegularExpressions;

namespace EdgeProxy.Sites.Placeholders;

/// <summary>A text of the settings with placeholders for what the request says. Immutable.</summary>
/// <remarks>What a client has sent comes in here, so the caller says where the text will stand (<see cref="Escaping"/>).</remarks>
internal sealed partial class Template
{
    private readonly Part[] _parts;

    private Template(Part[] parts) => _parts = parts;

    /// <summary>The text before the first placeholder.</summary>
    public string Begin => _parts is [{ Placeholder: null, Text: var text }, ..] ? text : "";

    /// <summary>A brace with a word in it is a placeholder, any other brace stands for itself; <c>\{</c> always does.</summary>
    /// <exception cref="FormatException">The word is no placeholder; the message goes behind the key.</exception>
    public static Template Parse(string text)
    {
        var parts = new List<Part>();
        var last = 0;
        foreach (var match in Word().EnumerateMatches(text))
        {
            var isEscaped = text[match.Index] == '\\';
            var word = text.Substring(match.Index + 1, match.Length - 2);
            if (!isEscaped && !Placeholder.TryFind(word, out _))
            {
                throw new FormatException($"has {{{word}}}, which is no placeholder; they are {Placeholder.AllNames}. Write \\{{ for a brace that is none");
            }

            Add(text[last..match.Index]);
            if (isEscaped)
            {
                Add(text.Substring(match.Index + 1, match.Length - 1));
            }
            else
            {
                Placeholder.TryFind(word, out var placeholder);
                parts.Add(new Part("", placeholder));
            }

            last = match.Index + match.Length;
        }

        Add(text[last..]);
        return new Template([.. parts]);

        void Add(string literal)
        {
            if (literal.Length > 0)
            {
                parts.Add(new Part(literal, null));
            }
        }
    }

    /// <param name="request">Whose words are put in.</param>
    /// <param name="escaping">Where the text will stand.</param>
    public string Expand(in RequestWords request, Escaping escaping)
    {
        if (_parts is [{ Placeholder: null, Text: var only }])
        {
            return escaping.OfLiteral(only);
        }

        var text = new StringBuilder();
        foreach (var (literal, placeholder) in _parts)
        {
            text.Append(placeholder is null ? escaping.OfLiteral(literal) : escaping.OfValue(placeholder, request));
        }

        return text.ToString();
    }

    /// <summary>The highest group of <c>Match:PathRegex</c> that it asks for; null: it asks for none.</summary>
    public int? LastGroup => _parts.Max(part => part.Placeholder?.Group);

    /// <summary>The names of the placeholders, and the literals between them as they stand.</summary>
    public IEnumerable<(string Literal, string? Placeholder)> Parts => _parts.Select(part => (part.Text, part.Placeholder?.Name));

    [GeneratedRegex(@"(\\\{)|\{[A-Za-z_][A-Za-z0-9_.]*\}")]
    private static partial Regex Word();

    private readonly record struct Part(string Text, Placeholder? Placeholder);
}
