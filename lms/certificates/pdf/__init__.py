"""The certificate's PDF file."""
