using System.Collections.Immutable;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Sites;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary><c>header</c>, <c>request_header</c>, <c>header_up</c> and <c>header_down</c>.</summary>
/// <param name="isOfError">In <c>handle_errors</c>, where values may have the status.</param>
internal sealed class FieldChangeReader(ImportRemarks remarks, bool isOfError = false)
{
    /// <summary><c>header</c>, whose changes are made when the response is there if one of them removes a field, or <c>defer</c> or the sign
    /// <c>&gt;</c> of later versions says so.</summary>
    public ImmutableList<FieldChange> ReadResponse(Statement directive, Token[] arguments)
    {
        var lines = arguments is [var first, .. var rest] ? [new Statement(first, rest, Block: null)] : directive.Block ?? [];
        if (lines.Count == 0)
        {
            remarks.Problem(directive.At, $"'{directive}' names no field; write header X-Frame-Options DENY");
        }

        var isLate = lines.Any(line => line.Name.Text == "defer" || line.Name.Text is ['-' or '>', ..]);
        var changes = lines.Where(line => line.Name.Text != "defer").Select(line => ReadLine(line, isLate, isResponse: true)).OfType<FieldChange>().ToList();
        if (changes.Count(change => change.Verb == FieldVerb.Default) > 1)
        {
            remarks.Problem(directive.At, "has two fields with ? in one block, of which Caddy sets both or none; write a header line for each of them");
        }

        return [.. changes.Select(change => change with { At = change.Verb == FieldVerb.Default ? change.At : directive.At })];
    }

    /// <summary>One line of a field, its sign before its name.</summary>
    /// <param name="isOfUpstream"><c>header_down</c>.</param>
    /// <returns>Null: a problem has said why.</returns>
    public FieldChange? ReadLine(Statement line, bool isLate = false, bool isResponse = false, bool isOfUpstream = false)
    {
        var sign = line.Name.Text is ['+' or '-' or '?', ..] || (isResponse && line.Name.Text.StartsWith('>')) ? line.Name.Text[0] : ' ';
        var field = (sign == ' ' ? line.Name.Text : line.Name.Text[1..]).TrimEnd(':');
        var verb = sign switch
        {
            '+' => FieldVerb.Add,
            '-' => FieldVerb.Remove,
            '?' => FieldVerb.Default,
            _ => FieldVerb.Set,
        };
        if ((isResponse || isOfUpstream) && sign is ' ' or '>' && line.Arguments is [{ Text.Length: > 0 } search, { Text.Length: > 0 } put])
        {
            return ReadReplacement(line, field, search, put, isLate || isOfUpstream);
        }

        if (FaultOf(line, field, verb, isResponse) is { } fault)
        {
            remarks.Problem(line.At, $"'{line}' cannot be translated: {fault}");
            return null;
        }

        var text = verb == FieldVerb.Remove ? ""
            : isOfError ? ErrorTextReader.Fill(line.Arguments[0].Text, value => PlaceholderText.Read(value, line.At, remarks, isOfRoute: false))
            : PlaceholderText.Read(line.Arguments[0].Text, line.At, remarks);
        return text is null ? null : new FieldChange(verb, field, text, isLate || verb is FieldVerb.Default or FieldVerb.Remove, line.At);
    }

    private FieldChange? ReadReplacement(Statement line, string field, Token search, Token put, bool isLate)
    {
        var replacement = new ReplaceOptions { Search = search.Text, With = GroupReference.Write(put.Text, search.Text) ?? "$" };
        var fault = FaultOf(line with { Arguments = [put with { Text = "x" }] }, field, FieldVerb.Set, isResponse: true)
            ?? (isOfError ? "in handle_errors a field has a whole value" : null)
            ?? (CaddyValue.HasPlaceholder(put.Text.Replace("${", "", StringComparison.Ordinal))
                ? "what comes there has no placeholders; write the whole value" : null)
            ?? (!isLate && field.Equals("Server", StringComparison.OrdinalIgnoreCase) ? "it would be of Caddy's own name; write the whole value" : null)
            ?? SafeRegex.FindFault(search.Text)
            ?? FieldReplacement.FindFault(replacement);
        if (fault is not null)
        {
            remarks.Problem(line.At, $"'{line}' cannot be translated: {fault}");
            return null;
        }

        if (!isLate)
        {
            remarks.Note(
                line.At, $"'{line}' changes no response, in Caddy neither: it looks before there is one; write it with defer, or as header_down");
        }

        return new FieldChange(FieldVerb.Replace, field, search.Text, isLate, line.At) { With = replacement.With };
    }

    private static string? FaultOf(Statement line, string field, FieldVerb verb, bool isResponse)
    {
        var name = verb != FieldVerb.Remove ? field : field.StartsWith('*') ? field[1..] : field.EndsWith('*') ? field[..^1] : field;
        return name.Length == 0 || !name.All(character => char.IsAsciiLetterOrDigit(character) || "!#$%&'.^_`|~-".Contains(character, StringComparison.Ordinal))
                ? "it must name a field of a header, to remove several with a * at one end"
            : HeaderRules.IsOfConnection(name) ? "the field belongs to the connection, which is the server's own affair; remove it"
            : verb == FieldVerb.Default && !isResponse ? "? is for responses alone"
            : verb == FieldVerb.Remove ? (line.Arguments.Length == 0 ? null : "a field that is removed has no value")
            : line.Arguments is [{ Text.Length: 0 }] ? $"a field without a value is not sent here; remove the line, or write -{field}"
            : line.Arguments.Length == 1 ? null
            : line.Arguments.Length == 0 ? "the value is missing"
            : "parts of a value cannot be replaced; write the whole value";
    }
}
