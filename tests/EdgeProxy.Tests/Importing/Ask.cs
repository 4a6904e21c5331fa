namespace EdgeProxy.Tests.Importing;

/// <summary>A request of a differential test: <c>[METHOD] [HOST]TARGET [FIELD=VALUE]</c>.</summary>
internal sealed record Ask(string Method, string Host, string Target, (string Name, string Value)? Field)
{
    public static Ask Parse(string text)
    {
        var words = text.Split(' ');
        var method = words[0].Contains('/', StringComparison.Ordinal) ? "GET" : words[0];
        var rest = method == "GET" && words[0] != "GET" ? text : text[(method.Length + 1)..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var blank = rest.IndexOf(' ', StringComparison.Ordinal);
        return new Ask(
            method,
            slash > 0 ? rest[..slash] : "a.test",
            blank < 0 ? rest[slash..] : rest[slash..blank],
            blank < 0 ? null : rest[(blank + 1)..].Split('=', 2) is [var name, var value] ? (name, value) : null);
    }

    public override string ToString() => $"{Method} {Host}{Target}{(Field is var (name, value) ? $" [{name}: {value}]" : "")}";
}
