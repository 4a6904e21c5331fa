namespace EdgeProxy.Configuration;

/// <summary>Texts that may be written as one text where there is one: <c>"Path": "/api/*"</c> for <c>"Path": ["/api/*"]</c>.</summary>
internal sealed class TextList : List<string>
{
    public static implicit operator TextList(string text) => [text];

    public static implicit operator TextList(string[] texts) => [.. texts];
}
